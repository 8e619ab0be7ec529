#!/usr/bin/env python3
"""chart.py RESULTS.json: an SVG of the processor time of an operation, proxy and memcacheds."""

import html
import json
import sys

STYLE = """text { font: 12px system-ui, 'DejaVu Sans', sans-serif; fill: #1f2328 } .end { text-anchor: end }
.page { fill: #fff } .nodeproxy { fill: #1f6feb } .twemproxy { fill: #8c959f } .direct { fill: #2da44e }
.mc { opacity: 0.45 } @media (prefers-color-scheme: dark) { text { fill: #f0f6fc } .page { fill: #0d1117 } }"""
LEFT, SCALE, BAR = 190, 380, 14
with open(sys.argv[1], encoding="utf-8") as file:
    results = json.load(file)
shapes, y = [], 66


def text(x, y, words, kind=""):
    shapes.append(f'<text class="{kind}" x="{x:.1f}" y="{y}">{html.escape(words)}</text>')


def bar(x, y, width, kind):
    shapes.append(f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR - 2}"/>')
    return x + width


for workload in results["workloads"]:
    medians = {it["peer"]: it["median"] for it in workload["peers"]}
    if not {"nodeproxy", "twemproxy"} <= medians.keys():
        continue
    text(LEFT - 10, y + 2 * BAR - 6, workload["label"], "end")
    one = medians["twemproxy"]["cpu_us"] + medians["twemproxy"]["memcacheds_us"]
    for peer in [it for it in ("nodeproxy", "twemproxy", "direct") if it in medians]:
        proxy, memcacheds = (medians[peer][of] for of in ("cpu_us", "memcacheds_us"))
        x = bar(bar(LEFT, y, proxy / one * SCALE, peer), y, memcacheds / one * SCALE, peer + " mc")
        text(x + 6, y + BAR - 4, f"{proxy:.2f} + {memcacheds:.2f} us" if proxy else f"{memcacheds:.2f} us")
        y += BAR
    y += 10
text(20, 24, "Processor time of an operation: proxy (full colour) + its memcacheds (pale), twemproxy's = 1")
for x, (peer, name) in zip((20, 130, 240), [(it, it) for it in ("nodeproxy", "twemproxy")] + [("direct", "memcached, asked directly")]):
    text(bar(x, 36, 12, peer) + 6, 46, name)
machine = results["machine"]
text(20, y + 14, "medians of {rounds} rounds of {seconds} s; {pin}; {processor}, Linux {kernel}".format(**machine))
print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 {y + 30}" role="img">')
print(f'<style>{STYLE}</style>\n<rect class="page" width="860" height="{y + 30}"/>', "".join(shapes) + "</svg>", sep="\n")
