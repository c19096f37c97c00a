#!/usr/bin/env python3
"""Reads every #include of src/ and refuses an edge that the layout does not allow.

usage: layers.py SOURCE_ROOT

A library uses only what stands above it; a program uses libraries, never another program.
"""
import os
import re
import sys

LIBRARIES = ["base", "cedar", "proto", "loop", "ipc", "sandbox", "ledger", "profile"]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
ALONE = {"src/cedar/cedar.h"}  # usable by other programs: includes nothing of ours


def main():
    root = sys.argv[1]
    passed = failed = 0
    for folder, _, names in os.walk(os.path.join(root, "src")):
        layer = os.path.relpath(folder, os.path.join(root, "src")).split(os.sep)[0]
        for name in sorted(names):
            if not name.endswith((".c", ".h")):
                continue
            path = os.path.relpath(os.path.join(folder, name), root)
            for target in INCLUDE.findall(open(os.path.join(folder, name)).read()):
                if "/" not in target:  # made by the build, for the folder that asks for it
                    continue
                used = target.split("/")[0]
                if path in ALONE:
                    ok = False
                elif layer in LIBRARIES:
                    ok = used in LIBRARIES and LIBRARIES.index(used) <= LIBRARIES.index(layer)
                else:
                    ok = used in LIBRARIES or used == layer
                passed += ok
                failed += not ok
                if not ok:
                    print(f"{path} may not include {target}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


sys.exit(main())
