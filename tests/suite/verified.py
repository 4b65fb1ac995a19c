"""Sums up what `make test-verified` has noted: one line of JSON for each engine that a test was done with."""

import collections
import json
import sys

engines = 0
sums = collections.Counter()
reasons = collections.Counter()
with open(sys.argv[1], encoding="utf-8") as lines:
    for line in lines:
        verified = json.loads(line)
        engines += 1
        for figure in ("identical", "other_fuel", "different"):
            sums[figure] += verified[figure]
        for reason in verified["not_verifiable"]:
            reasons[reason["why"]] += reason["messages"]

print(f"{engines} engines: {sums['identical']} messages identical, {sums['other_fuel']} the same for other fuel, "
      f"{sums['different']} different")
for why, messages in reasons.most_common():
    print(f"{messages} not verifiable: {why}")
