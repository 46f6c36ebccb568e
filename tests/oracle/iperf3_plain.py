#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Reads iperf3 -J or --json-stream the slow and plain way, for tests to compare with.

Prints the source, then one line `start end bytes` per interval that the rules of the
project keep, then `reverse` and the other way's with --bidir.
"""
import json
import re
import sys


def documents(text):
    """Every JSON value that starts at the beginning of a line."""
    decoder = json.JSONDecoder(parse_constant=lambda word: None)
    at = 0
    while True:
        found = re.compile(r"^\{", re.M).search(text, at)
        if not found:
            return
        try:
            value, at = decoder.raw_decode(text, found.start())
            yield value
        except json.JSONDecodeError:
            at = found.end()


def as_document(values):
    """A stream of events as the document that -J would have printed."""
    out = {"intervals": []}
    for value in values:
        if "event" not in value:
            return value
        if value["event"] == "interval":
            out["intervals"].append(value["data"])
        else:
            out[value["event"]] = value["data"]
    return out


def median_length(sums):
    lengths = sorted(s["end"] - s["start"] for s in sums if not s.get("omitted"))
    return lengths[len(lengths) // 2] if lengths else 0


def kept(doc, key):
    sums = [i[key] for i in doc["intervals"] if key in i]
    nominal = median_length(sums)
    last_end = -1.0
    for i, s in enumerate(sums):
        length = s["end"] - s["start"]
        if s.get("omitted") or abs(length - s["seconds"]) > 0.001 or length <= 0:
            continue
        if i == len(sums) - 1 and length < nominal / 2:
            continue
        if s["start"] < last_end - 0.001:
            continue
        last_end = s["end"]
        yield s


def is_receiver(doc):
    return bool(doc["intervals"]) and doc["intervals"][0]["sum"].get("sender") is False


def better(doc):
    server = doc.get("server_output_json")
    if not server or is_receiver(doc) or not is_receiver(server):
        return doc
    mine = median_length([i["sum"] for i in doc["intervals"]])
    theirs = median_length([i["sum"] for i in server["intervals"]])
    return server if theirs <= 1.1 * mine else doc


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        text = f.read()
    # JSON has no NaN of either sign; iperf3 prints "-nan"
    text = re.sub(r"(?<=[\s:,\[])[-+]?nan\b", "null", text)
    doc = better(as_document(documents(text)))
    print("iperf3-receiver" if is_receiver(doc) else "iperf3-sender")
    for key, title in (("sum", None), ("sum_bidir_reverse", "reverse")):
        if title:
            print(title)
        for s in kept(doc, key):
            print(repr(float(s["start"])), repr(float(s["end"])), repr(float(s["bytes"])))


main()
