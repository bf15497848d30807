#!/usr/bin/env python3
"""Makes words.bin: how much likelier each pair of letters is in words than in random text.

Run from the top of the repository: python3 rules/src/secrets/words.py
Trained on the prose and the identifiers of this repository (advice, documentation, code), not on examples or patterns.
One signed byte for each of 26 x 26 pairs, row by row: sixteenths of a bit.
"""
import collections, glob, math, re

FILES = ["rules/packs/**/*.toml", "*/src/**/*.rs", "*.md", "*/*.md"]
SKIP = re.compile(r"(examples|counter_examples|pattern|value|allow|anchors)\b")

pairs = collections.Counter()
for path in sorted(p for pattern in FILES for p in glob.glob(pattern, recursive=True)):
    for line in open(path, encoding="utf-8"):
        if SKIP.match(line):
            continue
        for word in re.findall("[A-Za-z]{3,}", line):
            pairs.update(a + b for a, b in zip(word.lower(), word.lower()[1:]))

letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
total, smooth = sum(pairs.values()), 2e-5
table = bytearray()
for a in letters:
    for b in letters:
        share = (pairs[a + b] / total + smooth) / (1 + 676 * smooth)
        table.append(max(-128, min(127, round(16 * math.log2(share * 676)))) & 0xFF)
open("rules/src/secrets/words.bin", "wb").write(bytes(table))
