#!/usr/bin/env python3
"""How slow can a file be made? Searches files that consist of near misses and prints megabytes a second, slowest first.

    rules/benches/dense.py [NAME...]

Needs a release build (LAPWING names another program) and some 100 MB below TMPDIR. Each file is repeated text of one
kind: beginnings of tokens, names without values, commands, headers of keys, escapes, encodings of encodings. What is
measured is the CPU time of the whole process without its start; `!` marks a file that was not examined to its end.
"""

import base64, json, os, random, string, subprocess, sys, tempfile, tomllib
from pathlib import Path

SIZE = 10 << 20
dice = random.Random(7)
LETTERS = string.ascii_letters + string.digits


def some(count, letters=LETTERS):
    return "".join(dice.choices(letters, k=count))


def nested(text, times, encode):
    for _ in range(times):
        text = encode(text)
    return text


def to_base64(text):
    return base64.b64encode(text.encode()).decode()


def packs(field):
    """What all packs' secret rules say in a field."""
    found = set()
    for path in sorted((Path(__file__).resolve().parents[1] / "packs/secrets").glob("*.toml")):
        for rule in tomllib.loads(path.read_text()).get("secret", []):
            found.update(rule.get(field, []))
    return sorted(found)


ANCHORS, NAMES = packs("anchors"), packs("names")
PREFIXES = ["gh" + "p_", "gl" + "pat-", "AK" + "IA", "sk" + "-", "sk_" + "live_", "xo" + "xb-", "SG" + ".", "np" + "m_",
            "AI" + "za", "ey" + "J", "ya" + "29.", "hv" + "s.", "sq0" + "atp-", "github" + "_pat_", "123456789" + ":AA"]
HEADER = "-" * 5 + "BEGIN {} PRIVATE KEY" + "-" * 5

KINDS = {
    "names": lambda: "password=token=secret=api_key=",
    "variable": lambda: "PGPASSWORD=",
    "quoted names": lambda: 'password="',
    "json names": lambda: '"password": ',
    "values": lambda: f'password="{some(8)}", ',
    "long word": lambda: "password=" + "passwordtoken" * 300 + " ",
    "headings with values": lambda: "".join(" " * n + f"{v}:\n" + " " * n + " token: a1b2c3d4\n"
                                            for n in range(12) for v in dice.sample(["azure", "snowflake", "github"], 1)),
    "headings": lambda: "".join(" " * n + "stripe:\n" for n in range(12)),
    "urls": lambda: "://user:pass@",
    "templates": lambda: "https://user:{password}@host.example/ ",
    "headers": lambda: HEADER.format("RSA") + "\n",
    "certificates": lambda: "-" * 5 + "BEGIN CERTIFICATE" + "-" * 5 + "\nMIIB" + "A" * 60 + "\n",
    "capitals": lambda: "A",
    "letters": lambda: some(4096),
    "hex": lambda: some(4096, "0123456789abcdef"),
    "uuids": lambda: "-".join(some(n, "0123456789abcdef") for n in (8, 4, 4, 4, 12)) + "\n",
    "base64 thrice": lambda: nested("password = a token, but none = here. " * 3000, 3, to_base64),
    "base64 of names": lambda: nested("password=token=secret=" * 3000, 2, to_base64),
    "hex of hex": lambda: nested("password=token=" * 2000, 2, lambda text: text.encode().hex()),
    "percent": lambda: "".join(f"%{ord(c):02X}" for c in "password=token=secret="),
    "escapes": lambda: "".join(f"\\u{ord(c):04x}" for c in json.dumps({"password": "a", "token": "b"})),
    "wide": lambda: "".join("\0" + c for c in "password=token="),
    **{f"command {c}": (lambda c=c: c) for c in [
        "curl -u ", "curl -H 'Authorization: Bearer $TOKEN' ", "vault login ", "docker login -u x -p ", "kubectl ",
        "mysql -u root -p ", "sshpass -p ", "psql -W ", "echo ", "ssh-keygen -t rsa -N "]},
    **{f"prefix {p}": (lambda p=p: p) for p in PREFIXES},
    **{f"too short {p}": (lambda p=p: p + some(17) + " ") for p in PREFIXES},
    "all prefixes": lambda: dice.choice(PREFIXES),
    "every anchor": lambda: "".join(dice.choices(ANCHORS, k=500)),
    "every anchor, cut": lambda: "".join(a + some(17) + " " for a in dice.choices(ANCHORS, k=500)),
    "every anchor, long": lambda: "".join(a + some(80) + "\n" for a in dice.choices(ANCHORS, k=500)),
    "every name": lambda: "".join(n.replace(" ", "_") + "=" for n in dice.choices(NAMES, k=500)),
    "every name, cut": lambda: "".join(f'{n.replace(" ", "_")}="{some(9)}"\n' for n in dice.choices(NAMES, k=500)),
    "every name, long": lambda: "".join(f'{n.replace(" ", "_")}="{some(43)}"\n' for n in dice.choices(NAMES, k=500)),
    "every name as heading": lambda: "".join(f'[{n}]\ntoken = {some(9)}\n' for n in dice.choices(NAMES, k=500)),
    "alone": lambda: "pk_" + some(8, "123456789") + "_" + some(32, string.ascii_uppercase + "123456789") + " ",
}


def cpu(program, path, home):
    keep = ("PATH", "LANG", "TMPDIR")
    environment = {k: v for k, v in os.environ.items() if k in keep} | {"HOME": home}
    child = subprocess.Popen([program, "scan", "--all", str(path)], env=environment,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime, child.returncode


def main():
    root = Path(__file__).resolve().parents[2]
    program = os.environ.get("LAPWING", str(root / "target/release/lapwing"))
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / "dense"
        path.write_text("nothing\n")
        start = min(cpu(program, path, work)[0] for _ in range(5))
        rows = []
        for name in sys.argv[1:] or KINDS:
            with open(path, "w") as out:
                first = KINDS[name]()
                if len(first) < 1000 and KINDS[name]() == first:
                    out.write(first * (SIZE // len(first)))
                while out.tell() < SIZE:
                    out.write(KINDS[name]())
            size = path.stat().st_size
            runs = [cpu(program, path, work) for _ in range(3)]
            rows.append((size / 1e6 / max(min(t for t, _ in runs) - start, 1e-3), runs[0][1] == 3, name))
        for speed, cut, name in sorted(rows):
            print(f"{speed:8.1f} MB/s {'!' if cut else ' '} {name}")


main()
