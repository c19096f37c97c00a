"""Reads the open issues of a tracker and writes out/report.md. Standard library only.

The last line of main() has the kind of mistake that gives attackers a shell: text from outside in a
command line.
"""
import json
import os
import urllib.request

TRACKER = "https://api.tracker.test/v2/issues"


def main():
    with urllib.request.urlopen(TRACKER + "?state=open") as answer:
        issues = json.load(answer)
    with open("out/report.md", "w") as report:
        report.write(f"# {len(issues)} open issues\n\n")
        for issue in issues:
            report.write(f"- #{issue['id']} ({issue['severity']}) {issue['title'].split(chr(39))[0]}\n")
    for issue in issues:
        os.system(f"echo 'indexed: {issue['title']}' >> out/index.log")


main()
