#!/usr/bin/env python3
"""Refuses calls that cannot be used safely, in our own sources; comments and strings do not count.

usage: banned.py SOURCE_ROOT
"""
import os
import re
import sys

NAMES = ("strcpy strcat sprintf vsprintf strncpy strncat strtok atoi atol atoll strtol strtoul strtoll "
         "strtoull strtod sscanf gets system popen alloca goto").split()
CALL = re.compile(r"\b(" + "|".join(n for n in NAMES if n != "goto") + r")\s*\(|\b(goto)\b")
NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def main():
    passed = failed = 0
    for folder, _, names in os.walk(os.path.join(sys.argv[1], "src")):
        for name in sorted(names):
            if not name.endswith((".c", ".h")):
                continue
            path = os.path.join(folder, name)
            text = NOISE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), open(path).read())
            found = [(text.count("\n", 0, m.start()) + 1, m.group().strip("( ")) for m in CALL.finditer(text)]
            passed += not found
            failed += bool(found)
            for line, call in found:
                print(f"{path}:{line}: {call}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


sys.exit(main())
