"""Join the page's scripts into one C string:
embed.py BUILTINS VALUES CALLS STATE CHANNEL BRIDGE OUT.

OUT is a C header with the array auvi_bridge_js; if its name ends with .js, the
joined script itself (for the tests). embed.py REMOTE OUT makes auvi_remote_js
of one script.
"""
import sys

JOINED = """(function (native, granted, inlineLimit, shared, alone) {
'use strict';
const builtins = (%s)();
const values = (%s)(builtins, inlineLimit);
const makeCalls = %s;
const makeState = %s;
const makeChannels = %s;
return (%s)(builtins, values, makeCalls, makeState, makeChannels, native, granted, shared,
            alone);
})
"""


def main(*arguments):
    *paths, out = arguments
    texts = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            texts.append(file.read().rstrip())
    name = "auvi_bridge_js" if len(texts) > 1 else "auvi_remote_js"
    data = (JOINED % tuple(texts) if len(texts) > 1 else texts[0] + "\n").encode()
    if b"\0" in data:
        sys.exit("a script holds a NUL")
    if out.endswith(".js"):
        with open(out, "wb") as file:
            file.write(data)
        return
    with open(out, "w", encoding="ascii") as file:
        file.write("/* Made by embed.py; do not edit. */\n")
        file.write(f"static const char {name}[] = {{\n")
        for at in range(0, len(data), 16):
            # char is signed here, and -Wconversion looks.
            numbers = (byte - 256 if byte > 127 else byte
                       for byte in data[at:at + 16])
            file.write("    " + " ".join(f"{number}," for number in numbers) + "\n")
        file.write("    0,\n};\n")


main(*sys.argv[1:])
