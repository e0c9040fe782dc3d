from collections.abc import Callable
from typing import Any, final

PRESET_STANDALONE: int
PRESET_QT_EMBEDDED: int
PRESET_LEGACY_EMBEDDED: int
MODE_PRESET: int
MODE_FULL: int
MODE_IPC_ONLY: int
MODE_BATCH: int
PROCESS_CONTINUE: int
PROCESS_CLOSE_REQUESTED: int
STATE_CREATING: int
STATE_ACTIVE: int
STATE_CLOSE_REQUESTED: int
STATE_DESTROYING: int
STATE_DESTROYED: int
CLOSE_NONE: int
CLOSE_USER: int
CLOSE_APP: int
CLOSE_PARENT_GONE: int
CLOSE_ENGINE_LOST: int
CLOSE_SHUTDOWN: int
FOCUS_OUT: int
FOCUS_IN: int
FOCUS_FIRST: int
FOCUS_LAST: int
EVENT_ACTIVE: int
EVENT_CLOSE_REQUESTED: int
EVENT_CLOSED: int
EVENT_LOAD_STARTED: int
EVENT_LOAD_COMMITTED: int
EVENT_LOADED: int
EVENT_LOAD_FAILED: int
EVENT_PAGE_READY: int
EVENT_PAGE_LOST: int
EVENT_TITLE: int
EVENT_URL: int
EVENT_FOCUS_IN: int
EVENT_FOCUS_OUT: int
EVENT_FOCUS_LEAVE: int
EVENT_RESIZED: int
EVENT_MOVED: int
EVENT_SHOWN: int
EVENT_HIDDEN: int
EVENT_PARENT_LOST: int
EVENT_PROGRESS: int
EVENT_SCRIPT_ERROR: int
EVENT_NATIVE: int
EVENT_DESTROYING: int
EVENT_RECOVERED: int
EVENT_ENGINE_LOST: int
EVENT_UNRESPONSIVE: int
EVENT_RESPONSIVE: int
RECOVER_DEFAULT: int
RECOVER_AUTOMATIC: int
RECOVER_MANUAL: int
RECOVERY_NONE: int
RECOVERY_UNDER_WAY: int
RECOVERY_STOPPED: int
LOST_PAGE: int
LOST_ENGINE: int

def version() -> str: ...
def error_name(code: int, /) -> str: ...
def encode(value: object, /) -> tuple[str, list[tuple[int, bytes]]]: ...
def _after_fork() -> None: ...
@final
class App:
    def __new__(
        cls,
        *,
        engine: str | None = ...,
        engine_path: str | None = ...,
        preset: int = ...,
        tick_budget_us: int = ...,
        queue_capacity: int = ...,
        mode: int = ...,
        batch_size: int = ...,
        max_messages_per_tick: int = ...,
        batch_interval_ms: int = ...,
        immediate_wake: bool = ...,
    ) -> App: ...
    @property
    def destroyed(self) -> bool: ...
    def fd(self) -> int: ...
    def process(self) -> int: ...
    def run(self, stop: Callable[[], object] | None = ..., /) -> None: ...
    def quit(self) -> None: ...
    def kill_engine(self) -> None: ...
    def post(self, fn: Callable[[], object], /) -> None: ...
    def stats(self) -> dict[str, int]: ...
    def reset_stats(self) -> None: ...
    def destroy(self) -> None: ...

@final
class View:
    def __new__(
        cls,
        app: App,
        *,
        title: str | None = ...,
        width: int = ...,
        height: int = ...,
        url: str | None = ...,
        html: str | None = ...,
        asset_root: str | None = ...,
        parent: int = ...,
        hidden: bool = ...,
        dev_tools: bool = ...,
        transparent: bool = ...,
        context_menu: bool = ...,
        resizable: bool = ...,
        decorated: bool = ...,
        observer: Callable[..., object] | None = ...,
        recover: int = ...,
    ) -> View: ...
    @property
    def id(self) -> int: ...
    def state(self) -> tuple[int, int]: ...
    def close(self, reason: int = ..., /) -> bool: ...
    def wait_state(self, state: int, timeout_ms: int, /) -> None: ...
    def navigate(self, url: str, /) -> None: ...
    def load_html(self, html: str, /) -> None: ...
    def reload(self) -> None: ...
    def kill_page(self) -> None: ...
    def stop(self) -> None: ...
    def allow_origin(self, origin: str, /) -> None: ...
    def eval(
        self,
        script: str,
        timeout_ms: int,
        fn: Callable[[Any, BaseException | None], object] | None = ...,
        /,
    ) -> None: ...
    def eval_wait(self, script: str, timeout_ms: int, /) -> Any: ...
    def emit(self, name: str, value: object, /) -> None: ...
    def emit_latest(self, name: str, value: object, /) -> None: ...
    def emit_wait(self, name: str, value: object, timeout_ms: int, /) -> None: ...
    def bind(self, name: str, fn: Callable[..., object], /) -> None: ...
    def unbind(self, name: str, /) -> None: ...
    def on(self, name: str, fn: Callable[..., object], /) -> int: ...
    def observe(
        self,
        fn: Callable[[int, int, int, str, int, int, int, int, int, str], object],
        /,
    ) -> int: ...
    def off(self, listener: int, /) -> None: ...
    def set_title(self, title: str, /) -> None: ...
    def set_bounds(self, x: int, y: int, width: int, height: int, /) -> None: ...
    def set_visible(self, visible: bool, /) -> None: ...
    def set_parent(self, native: int, /) -> None: ...
    def set_focus(self, how: int, /) -> None: ...
    def set_input(self, admitted: bool, /) -> None: ...

@final
class Call:
    def reply(self, value: object, /) -> None: ...
    def fail(
        self, name: str, message: str, code: int = ..., data_json: str | None = ..., /
    ) -> None: ...
    def is_cancelled(self) -> bool: ...
