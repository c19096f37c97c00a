"""embed.py IN OUT NAME - a text file as a C array, so that a program needs no file beside it."""
import sys

source, target, name = sys.argv[1:]
with open(source, "rb") as f:
    data = f.read()
with open(target, "w") as f:
    f.write(f"static const char {name}[] = {{\n")
    for at in range(0, len(data), 16):
        f.write("    " + " ".join(f"{byte}," if byte < 128 else f"(char){byte}," for byte in data[at : at + 16]) + "\n")
    f.write("};\n")
