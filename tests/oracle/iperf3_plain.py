#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Reads iperf3 -J, --json-stream or text the slow and plain way, for tests to compare with.

read(path) gives a Flow: what the rules of the project keep of the file, and what it says of
its clock. As a program it prints the source, then one line `start end bytes` per interval,
then `reverse` and the other way's with --bidir.
"""
import calendar
import json
import math
import re
import sys
import time

LEAST_S, MOST_S = 0.0025, 0.041  # start.timestamp comes so long before the zero
OTHER_SIDE_S = 0.05              # the server's zero beside the client's


class Flow:
    def __init__(self):
        self.receiver = False
        self.intervals, self.reverse = [], []  # (start, end, bytes)
        self.stamp = None       # start.timestamp, the omitted time added
        self.cut = 1.0          # it was cut to this
        self.omit = 0.0
        self.other_side = False
        self.slack = 0.0
        self.precision = 0.0    # relative, of the bytes
        self.resolution = 1e-6  # of the times

    @property
    def source(self):
        return "iperf3-receiver" if self.receiver else "iperf3-sender"

    def mean_bps(self):
        length = sum(e - s for s, e, _ in self.intervals)
        return sum(b for _, _, b in self.intervals) * 8 / length

    def align(self, real_minus_mono_ns):
        """Zero in ns of the monotonic clock and its uncertainty in s, None if not known."""
        if self.stamp is None:
            return None
        low = self.stamp - real_minus_mono_ns / 1e9 + LEAST_S
        high = self.stamp - real_minus_mono_ns / 1e9 + MOST_S + self.cut
        doubt = (high - low) / 2 + self.resolution / 2 + self.slack
        return (low + high) / 2 * 1e9, doubt + (OTHER_SIDE_S if self.other_side else 0)

    def bins(self, zero_s, start_s, width_s, count):
        """bit/s per bin, NaN where under 80 % of it is covered."""
        out = []
        for k in range(count):
            left, right = start_s + k * width_s, start_s + (k + 1) * width_s
            bits = covered = 0.0
            for s, e, b in self.intervals:
                part = min(right, e + zero_s) - max(left, s + zero_s)
                if part > 0:
                    bits += b * 8 * part / (e - s)
                    covered += part
            share = covered / width_s
            if abs(share - 0.8) < 1e-6:
                out.append(None)  # may fall to either side by rounding
            else:
                out.append(bits / min(covered, width_s) if share > 0.8 else math.nan)
        return out


# JSON

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


def as_tests(values):
    """The documents that -J would have printed, also of a stream of events."""
    out = []
    for value in values:
        if "event" not in value:
            out.append(value)
        elif value["event"] == "start":
            out.append({"intervals": [], "start": value["data"]})
        elif value["event"] == "interval":
            out[-1]["intervals"].append(value["data"])
        else:
            out[-1][value["event"]] = value["data"]
    return [doc for doc in out if doc.get("intervals")]


def median_length(sums):
    lengths = sorted(s["end"] - s["start"] for s in sums if not s.get("omitted"))
    return lengths[len(lengths) // 2] if lengths else 0


def kept(doc, key, slack=0.001):
    sums = [i[key] for i in doc["intervals"] if key in i]
    nominal = median_length(sums)
    last_end = -1.0
    for i, s in enumerate(sums):
        length = s["end"] - s["start"]
        if s.get("omitted") or length <= 0:
            continue
        if s["seconds"] is not None and abs(length - s["seconds"]) > 0.001:
            continue
        if i == len(sums) - 1 and length < nominal / 2:
            continue
        if s["start"] < last_end - slack:
            continue
        last_end = s["end"]
        yield (float(s["start"]), float(s["end"]), float(s["bytes"]))


def is_receiver(doc):
    return bool(doc["intervals"]) and doc["intervals"][0]["sum"].get("sender") is False


def better(doc):
    """The server's view where it is the receiver's and no coarser."""
    server = doc.get("server_output_json")
    if not server and isinstance(doc.get("server_output_text"), str):
        server = text_doc(doc["server_output_text"].splitlines())
    if not server or is_receiver(doc) or not is_receiver(server):
        return doc
    mine = median_length([i["sum"] for i in doc["intervals"]])
    theirs = median_length([i["sum"] for i in server["intervals"]])
    return server if theirs <= 1.1 * mine else doc


def stamp_of(doc):
    stamp = doc.get("start", {}).get("timestamp", {})
    if "timemillisecs" in stamp:
        return stamp["timemillisecs"] / 1000, 0.001
    return stamp.get("timesecs"), 1.0


def read_json(text):
    # JSON has no NaN of either sign; iperf3 prints "-nan"
    tests = as_tests(documents(re.sub(r"(?<=[\s:,\[])[-+]?nan\b", "null", text)))
    if not tests:
        return None
    flow, first = Flow(), tests[0]
    if any(stamp_of(doc)[0] is None for doc in tests):
        tests = [first] = [max(tests, key=lambda doc: len(doc["intervals"]))]
    view = better(first)
    flow.receiver, flow.other_side = is_receiver(view), view is not first
    flow.omit = float(first["start"].get("test_start", {}).get("omit", 0))
    flow.stamp, flow.cut = stamp_of(first)
    if flow.stamp is not None:
        flow.stamp += flow.omit
    if view.get("text"):
        flow.resolution, flow.precision = 0.01, view["text"]
    for doc in tests:
        shift = (stamp_of(doc)[0] - stamp_of(first)[0]) if doc is not first else 0.0
        if doc is not first:
            flow.slack = max(flow.slack, stamp_of(doc)[1])
        slack = 0.01 if view.get("text") else 0.001
        for key, into in (("sum", flow.intervals), ("sum_bidir_reverse", flow.reverse)):
            into += [(s + shift, e + shift, b) for s, e, b in kept(better(doc), key, slack)]
    return flow


# Text

LINE = re.compile(r"\[\s*(SUM|\d+)\](\[[TR]X-[CS]\])?\s+(\d+\.\d+)-\s*(\d+\.\d+)\s+sec\s+"
                  r"([\d.]+) ([KMGT]?)Bytes\s+([\d.]+) ([KMGT]?)(bits|Bytes)/sec(.*)")


def amount(word, prefix, base):
    digits = len(word.split(".")[1]) if "." in word else 0
    scale = base ** (" KMGT".index(prefix or " "))
    return float(word) * scale, 10.0 ** -digits * scale


def text_doc(lines):
    """Lines of one side as the document that -J would have printed."""
    by_key = {"sum": [], "sum_bidir_reverse": []}
    sender, precision, separator, server = None, 0.0, False, False
    for line in lines:
        if "Accepted connection" in line:
            server = True
        if "[ ID]" in line and separator and by_key["sum"]:
            break
        if "Retr" in line or "Total Datagrams" in line:
            sender = True
        if "Jitter" in line:
            sender = False
        if "Reverse mode" in line and sender is None:
            sender = False
        separator = "- - -" in line
        m = LINE.search(line)
        if not m or re.search(r"(sender|receiver)\s*$", m[10]):
            continue
        role = m[2] or ""
        back = role in ("[RX-C]", "[TX-S]")
        if role and not back:
            sender = "TX" in role
        start, end = float(m[3]), float(m[4])
        moved, moved_unit = amount(m[5], m[6], 1024)
        rate, rate_unit = amount(m[7], m[8], 1000 if m[9] == "bits" else 1024)
        rate, rate_unit = (rate, rate_unit) if m[9] == "bits" else (rate * 8, rate_unit * 8)
        err = rate_unit / 2 / rate if rate else 1.0
        by_key["sum_bidir_reverse" if back else "sum"].append(
            (m[1] == "SUM", {"start": start, "end": end, "seconds": None,
                             "bytes": rate / 8 * (end - start) if err < 0.1 else moved,
                             "omitted": "(omitted)" in m[10]}))
        precision = max(precision, min(err, 0.1))
    doc = {"start": {}, "intervals": [], "text": max(precision, 1e-9) * 2}
    if sender is None:
        sender = not server
    for key, rows in by_key.items():
        sums = [row for is_sum, row in rows if is_sum] or [row for _, row in rows]
        for row in sums:
            row["sender"] = sender if key == "sum" else not sender
            doc["intervals"].append({key: row})
    return doc


def read_text(text):
    head, _, server = text.partition("Server output:")
    doc = text_doc(head.splitlines())
    flow = Flow()
    view = doc
    if server:
        other = text_doc(server.splitlines())
        if not is_receiver(doc) and is_receiver(other) and \
                median_length([i["sum"] for i in other["intervals"]]) <= \
                1.1 * median_length([i["sum"] for i in doc["intervals"]]):
            view = other
    flow.receiver, flow.other_side = is_receiver(view), view is not doc
    flow.resolution, flow.precision = 0.01, view["text"]
    told = re.search(r"^Time: (.*) GMT$", head, re.M)  # of -V, whole seconds
    if told:
        flow.stamp = calendar.timegm(time.strptime(told[1], "%a, %d %b %Y %H:%M:%S"))
    flow.intervals = list(kept(view, "sum", 0.01))
    flow.reverse = list(kept(view, "sum_bidir_reverse", 0.01))
    return flow


def read(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    return read_json(text) or read_text(text)


def main():
    flow = read(sys.argv[1])
    print(flow.source)
    for title, rows in ((None, flow.intervals), ("reverse", flow.reverse)):
        if title:
            print(title)
        for row in rows:
            print(*map(repr, row))


if __name__ == "__main__":
    main()
