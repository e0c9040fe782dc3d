/*
 * remote.js - takes the clipboard away from the scripts of a page that nobody
 * trusts. Runs in each of its documents before any script of the page, so there
 * is no frame with the functions as they were.
 *
 * What the person does with keys and menus stays: they copy the selection and
 * paste into a field, but no script is told of it or can put something else in.
 */
(function () {
    'use strict';

    const apply = Reflect.apply;
    const define = Object.defineProperty;
    const lower = Function.prototype.call.bind(String.prototype.toLowerCase);
    const text = String;
    const stop = Function.prototype.call.bind(Event.prototype.stopImmediatePropagation);
    const execCommand = Document.prototype.execCommand;
    const refused = {__proto__: null, copy: true, cut: true, paste: true, pasteandmatchstyle: true};

    function fix(object, name, value) {
        define(object, name, {__proto__: null, value, writable: false,
            enumerable: false, configurable: false});
    }

    fix(Navigator.prototype, 'clipboard', undefined);
    fix(Document.prototype, 'execCommand', function (command, ...rest) {
        const name = text(command);
        return lower(name) in refused ? false : apply(execCommand, this, [name, ...rest]);
    });
    for (const name of ['copy', 'cut', 'paste', 'beforecopy', 'beforecut', 'beforepaste'])
        globalThis.addEventListener(name, (event) => stop(event), true);
})
