"""Join the page's scripts into one C string:
embed.py BUILTINS VALUES CALLS STATE CHANNEL BRIDGE OUT.

OUT is a C header with the array auvi_bridge_js; if its name ends with .js, the
joined script itself (for the tests).
"""
import sys

JOINED = """(function (native, granted, inlineLimit, shared) {
'use strict';
const builtins = (%s)();
const values = (%s)(builtins, inlineLimit);
const makeCalls = %s;
const makeState = %s;
const makeChannels = %s;
return (%s)(builtins, values, makeCalls, makeState, makeChannels, native, granted, shared);
})
"""


def main(builtins, values, calls, state, channel, bridge, out):
    texts = []
    for path in (builtins, values, calls, state, channel, bridge):
        with open(path, encoding="utf-8") as file:
            texts.append(file.read().rstrip())
    data = (JOINED % tuple(texts)).encode()
    if b"\0" in data:
        sys.exit("a script holds a NUL")
    if out.endswith(".js"):
        with open(out, "wb") as file:
            file.write(data)
        return
    with open(out, "w", encoding="ascii") as file:
        file.write("/* Made by embed.py; do not edit. */\n")
        file.write("static const char auvi_bridge_js[] = {\n")
        for at in range(0, len(data), 16):
            # char is signed here, and -Wconversion looks.
            numbers = (byte - 256 if byte > 127 else byte
                       for byte in data[at:at + 16])
            file.write("    " + " ".join(f"{number}," for number in numbers) + "\n")
        file.write("    0,\n};\n")


main(*sys.argv[1:])
