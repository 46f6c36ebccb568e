#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Opens reports in headless Chromium and looks at what a reader would meet.

Each report at 1280 and 400 pixels, light and dark, and printed: no console message, no request
beyond the file itself, no sideways scrolling, contrast of every text, labels of every picture,
order of headings. Screenshots and PDFs go to build/browser/. Chromium is driven by its DevTools
protocol over a pipe (file descriptors 3 and 4, messages end with NUL).
"""
import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
OUT = TOP / "build/browser"
AUDIT = (Path(__file__).parent / "audit.js").read_text()
CAUSES = ["contention-guests", "link-htb", "starved-hog"]
REPORTS = {
    "stepped": ["fixtures/stepped-6.1/stepped.vdx"],
    **{name: [f"fixtures/causes-6.1/{name}/run.vdx"] for name in CAUSES},
    "several": [f"fixtures/causes-6.1/{name}/run.vdx" for name in CAUSES],
}
LOOKS = [(width, scheme) for width in (1280, 400) for scheme in ("light", "dark")]
LIMIT_S = 300

failed = 0


def check(problems, what):
    global failed
    failed += bool(problems)
    print(f"{'not ok' if problems else 'ok'} - {what}", flush=True)
    for p in problems[:20]:
        print(f"#   {p}")


class Browser:
    def __init__(self):
        program = next((p for p in ("chromium", "chromium-browser", "google-chrome") if shutil.which(p)), None)
        if not program:
            sys.exit("no Chromium here: tests/deps --browser installs it")
        self.profile = tempfile.TemporaryDirectory(prefix="vnetdx-browser-")
        to_r, self.to = os.pipe()
        self.fro, fro_w = os.pipe()
        # The child finds them at 3 and 4; copies from 10 on first, so that neither overwrites the other.
        args = [program, "--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--hide-scrollbars",
                f"--user-data-dir={self.profile.name}", "--no-first-run", "--disable-extensions",
                "--disable-background-networking", "--disable-component-update"]
        if os.geteuid() == 0:
            args.append("--no-sandbox")
        line = f"exec 10<&{to_r} 11>&{fro_w} 3<&10 4>&11 10<&- 11>&-; exec \"$@\""
        self.process = subprocess.Popen(["bash", "-c", line, "bash", *args], pass_fds=(to_r, fro_w),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        os.close(to_r)
        os.close(fro_w)
        self.buffer, self.next_id, self.events, self.session = b"", 1, [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def read(self, until):
        while b"\0" not in self.buffer:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.fro], [], [], left)[0]:
                raise TimeoutError(f"Chromium said nothing for {LIMIT_S} s")
            data = os.read(self.fro, 1 << 20)
            if not data:
                raise EOFError(f"Chromium ended with {self.process.wait()}")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        message = {"id": self.next_id, "method": method, "params": params}
        self.next_id += 1
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        until = time.monotonic() + LIMIT_S
        while True:
            answer = self.read(until)
            if answer.get("id") == message["id"]:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)

    def open(self, url):
        self.events.clear()
        self.call("Page.navigate", url=url)
        until = time.monotonic() + LIMIT_S
        while not any(e["method"] == "Page.loadEventFired" for e in self.events):
            answer = self.read(until)
            if "method" in answer:
                self.events.append(answer)

    def look(self, width, scheme, media=""):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", media=media,
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def audit(self):
        result = self.call("Runtime.evaluate", expression=AUDIT, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"])
        return result["result"]["value"]

    def complaints(self, url):
        found = []
        for e in self.events:
            p = e.get("params", {})
            if e["method"] in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
                found.append(f"console: {json.dumps(p)[:300]}")
            if e["method"] == "Network.requestWillBeSent":
                asked = p["request"]["url"]
                if asked.split("#")[0] != url and not asked.startswith("data:"):
                    found.append(f"request: {asked[:200]}")
        return found

    def shoot(self, path):
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        # Beyond 16384 pixels a texture ends.
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16000), "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
        except (EOFError, TimeoutError, OSError):
            pass
        os.close(self.to)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.profile.cleanup()


def look_at(browser, name, page):
    url = page.as_uri()
    for width, scheme in LOOKS:
        browser.look(width, scheme)
        browser.open(url)
        problems = browser.audit()
        browser.shoot(OUT / f"{name}-{width}-{scheme}.png")
        check(problems + browser.complaints(url), f"{name} at {width} pixels, {scheme}")
    # Paper is white, however dark the screen was.
    browser.look(794, "dark", "print")
    browser.open(url)
    problems = browser.audit()
    browser.shoot(OUT / f"{name}-print.png")
    check(problems + browser.complaints(url), f"{name} as it is printed")
    # Opened again: the audit has unfolded what is folded.
    browser.look(794, "dark")
    browser.open(url)
    pdf = base64.b64decode(browser.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])
    (OUT / f"{name}.pdf").write_bytes(pdf)
    check([] if pdf.startswith(b"%PDF") and len(pdf) > 20000 else ["too small"], f"{name} becomes a PDF")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    wanted = sys.argv[1:] or list(REPORTS)
    for name in wanted:
        done = subprocess.run([TOP / "build/vnetdx", "report", "-q", *REPORTS[name], "-o", OUT / name], cwd=TOP,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            check([done.stderr], f"{name} is written")
    browser = Browser()
    try:
        # The audit must be able to fail.
        bad = OUT / "bad.html"
        bad.write_text("<html><title>x</title><style>p{color:#999;width:3000px}</style><h1 id=a>a</h1><h3 id=a>b</h3>"
                       "<p>pale</p><img src='http://192.0.2.1/x.png'><script>console.log(1)</script></html>")
        browser.look(400, "light")
        browser.open(bad.as_uri())
        found = " ".join(browser.audit() + browser.complaints(bad.as_uri()))
        missed = [w for w in ("contrast", "sideways", "heading", "twice", "alt", "script", "lang", "console", "request")
                  if w not in found]
        check([f"not found: {w}" for w in missed], "what is wrong is found")
        for name in wanted:
            page = OUT / name / "index.html"
            if page.exists():
                look_at(browser, name, page)
    finally:
        browser.close()
    print(f"{failed} failed; screenshots are in {OUT.relative_to(TOP)}")
    return 1 if failed else 0


sys.exit(main())
