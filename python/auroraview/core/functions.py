"""Functions for the page: what WebView and QtWebView have in common."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    from auroraview.core.commands import CommandRegistry

    F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["PageFunctions", "is_worker"]


def is_worker(func: object) -> bool:
    """Whether :func:`auroraview.worker` has marked it, or the function of a method."""
    return bool(getattr(func, "__auroraview_worker__", False))


class PageFunctions:
    """Mix-in that binds functions and registers commands."""

    _bound: dict[str, tuple[Callable[..., Any], bool]]
    _namespaces: dict[str, object]
    _registry: CommandRegistry | None

    def _init_functions(self) -> None:
        self._bound = {}
        self._namespaces = {}
        self._registry = None

    def _bind_now(self, method: str, func: Callable[..., Any], worker: bool) -> None:
        """Tell the core."""
        raise NotImplementedError

    def _unbind_now(self, method: str) -> None:
        raise NotImplementedError

    def _tell_now(self, methods: str) -> None:
        """Tell the core what the page may know."""
        raise NotImplementedError

    def _bind(self, method: str, func: Callable[..., Any], worker: bool) -> None:
        self._bind_now(method, func, worker)
        self._bound[method] = func, worker

    def _methods(self) -> str:
        """JSON of the bound methods by namespace; commands are none."""
        import json

        found: dict[str, list[str]] = {}
        for full in list(self._bound):
            if not full.startswith("invoke:"):
                namespace, dot, name = full.partition(".")
                found.setdefault(namespace if dot else "", []).append(name if dot else full)
        return json.dumps(found)

    def _unbind(self, method: str) -> None:
        self._unbind_now(method)
        self._bound.pop(method, None)

    def bind_call(
        self,
        method: str,
        func: Callable[..., Any] | None = None,
        *,
        allow_rebind: bool = True,
        worker: bool | None = None,
    ) -> Any:
        """Let the page call ``func``: ``bind_call(name, fn)``, or as a decorator.

        No arguments call ``func()``, an object ``func(**it)``, an array
        ``func(*it)``, anything else ``func(it)``. What it returns, or what
        comes of the ``concurrent.futures.Future`` or the awaitable that it
        returns, is the answer; what it raises rejects the page's promise.

        A plain function runs on the thread that processes messages. No other
        message gets through meanwhile, which includes a modal dialog or any
        other nested loop inside it. Work that takes longer belongs elsewhere:

        ``async def`` functions run on the asyncio loop of the thread that
        processes messages if one is running there, else on a loop of the
        library's, on a thread of its own.

        With ``worker=True``, or marked by :func:`auroraview.worker`, a function
        runs on one of up to four threads of the library's. It must not touch
        what belongs to the thread of the GUI.

        :func:`auroraview.current_call` tells each of them whether the page
        still waits; an ``async def`` function is cancelled when it does not.

        Binary arguments arrive as ``memoryview`` of the page's element type.
        Comparing large ones by ``==`` is slow, 3 ms per MiB: compare
        ``bytes(it)``, or use NumPy.
        """

        def bind(func: F) -> F:
            if not allow_rebind and method in self._bound:
                raise ValueError(f"{method!r} is bound already")
            self._bind(method, func, is_worker(func) if worker is None else worker)
            self._tell_now(self._methods())
            return func

        return bind if func is None else bind(func)

    def bind_api(
        self,
        obj: object,
        namespace: str = "api",
        *,
        allow_rebind: bool = False,
        worker: bool | None = None,
    ) -> None:
        """Bind every public method of ``obj`` as ``namespace.method``.

        Pages then have ``auroraview.<namespace>.<method>``, and are told so by
        the event ``auroraview-api-ready`` on their ``window``.

        A namespace that is bound already stays as it is, unless
        ``allow_rebind`` is true. ``worker`` is that of :meth:`bind_call`, for
        all of them; None leaves it to the mark on each.
        """
        if namespace in self._namespaces and not allow_rebind:
            return
        for name in dir(obj):
            if name.startswith("_"):
                continue
            func = getattr(obj, name)
            if callable(func):
                self._bind(
                    f"{namespace}.{name}", func, is_worker(func) if worker is None else worker
                )
        self._tell_now(self._methods())
        self._namespaces[namespace] = obj

    def is_method_bound(self, method: str) -> bool:
        return method in self._bound

    def get_bound_methods(self) -> list[str]:
        return list(self._bound)

    def is_namespace_bound(self, namespace: str) -> bool:
        return namespace in self._namespaces

    # -- commands ----------------------------------------------------------------

    @property
    def commands(self) -> CommandRegistry:
        """The commands that the page runs by ``auroraview.invoke(name, args)``."""
        if self._registry is None:
            from auroraview.core.commands import CommandRegistry

            self._registry = CommandRegistry(self._bind, self._unbind)
        return self._registry

    def command(
        self,
        func_or_name: Callable[..., Any] | str | None = None,
        *,
        name: str | None = None,
        cli: bool | str | Iterable[str] = False,
        help: str | None = None,
        args_help: dict[str, str] | None = None,
        worker: bool | None = None,
    ) -> Any:
        """Register a command, also as a decorator: :meth:`CommandRegistry.register`."""
        return self.commands.register(
            func_or_name, name=name, cli=cli, help=help, args_help=args_help, worker=worker
        )
