"""What is printed: a readable table, and one JSON object a line."""
import json
from statistics import median


def number(x):
    if x is None:
        return "-"
    if abs(x) >= 100:
        return f"{x:,.0f}"
    return f"{x:.1f}" if abs(x) >= 10 else f"{x:.2f}"


def spread(values):
    """Median, minimum and maximum, for a ratio."""
    return (f"{number(median(values))} ({number(min(values))} to "
            f"{number(max(values))})")


class Report:
    def __init__(self, json_file):
        self.json = open(json_file, "w") if json_file else None
        self.bars = []          # (where, met)

    def line(self, text=""):
        print(text, flush=True)

    def record(self, **fields):
        if self.json:
            self.json.write(json.dumps(fields) + "\n")
            self.json.flush()

    def row(self, fs, row, rounds):
        """rounds: [{system: result}], in order."""
        self.line(f"  {row.name}: {row.title}")
        for metric in row.metrics:
            self.metric(fs, row, metric, rounds)
        for name in sorted({n for r in rounds for n in r}):
            results = [r[name] for r in rounds if name in r]
            for result in results:
                if result.get("not_ok"):
                    self.line(f"    {name}: {result['not_ok']} of "
                              f"{result['count'] + result['not_ok']} not "
                              f"accepted: {result['why']}")
            tuned = sum(1 for r in results if r.get("tuned"))
            if row.tuned and name == "peer":
                self.line(f"    peer: better as tuned for load in {tuned} of "
                          f"{len(results)} rounds")
            if row.per:
                self.cpu(fs, row, name, results)
            for note in results[0].get("notes", []):
                self.line(f"    {name}: {note}")
            for result in results[:1]:
                self.calls(fs, row, name, result.get("calls", {}))
        self.line()

    def metric(self, fs, row, metric, rounds):
        ours = [r["pneu"][metric.key] for r in rounds if "pneu" in r]
        peer = [r["peer"][metric.key] for r in rounds if "peer" in r]
        both = [(r["pneu"][metric.key], r["peer"][metric.key])
                for r in rounds if len(r) == 2]
        text = f"    {metric.title:38}"
        fields = {"fs": fs.name, "row": row.name, "metric": metric.key,
                  "unit": metric.unit, "ours": ours, "peer": peer}
        if ours:
            text += f" ours {spread(ours)}"
        if peer:
            text += f"{',' if ours else ''} peer {spread(peer)}"
        text += f" {metric.unit}"
        met = None
        if both:
            ratios = [a / b if metric.better == "more" else b / max(a, 1e-9)
                      for a, b in both if b]
            if ratios and metric.unit and (
                    metric.times or metric.absolute is None):
                text += f"; {spread(ratios)} times"
                fields.update(ratio=median(ratios), ratio_min=min(ratios),
                              ratio_max=max(ratios))
                if metric.times:
                    met = median(ratios) >= metric.times
        absolute = metric.absolute
        if isinstance(absolute, dict):
            absolute = absolute.get(fs.name)
        if absolute is not None and ours:
            value = median(ours)
            met = value >= absolute if metric.better == "more" \
                else value <= absolute
        self.bar(metric, absolute, fields, text, met, f"{fs.name} {row.name}")

    def bar(self, metric, absolute, fields, text, met, where):
        if metric.times:
            bar = f"{number(metric.times)} times"
        elif absolute is not None:
            bar = ("at least " if metric.better == "more" else "at most ") + \
                f"{number(absolute)} {metric.unit}"
        else:
            bar = None
        if bar:
            word = {True: "met", False: "NOT MET", None: "not compared"}[met]
            text += f"  [bar {bar}: {word}]"
            fields.update(bar=bar, met=met)
            if met is not None:
                self.bars.append((f"{where} {metric.key}", met))
        self.line(text)
        self.record(**fields)

    def cpu(self, fs, row, name, results):
        """Microseconds of CPU a message, by program: medians of the rounds."""
        results = [r for r in results if r.get("cpu") and r.get("count")]
        if not results:
            return
        per = {}
        for program in {p for r in results for p in r["cpu"]}:
            per[program] = median(r["cpu"].get(program, 0) / r["count"]
                                  for r in results)
        load = median(r["load_us"] / r["count"] for r in results)
        kernel, whole = per.pop("(kernel threads)"), per.pop("(all)")
        own = sum(per.values())
        parts = ", ".join(f"{p} {number(us)}" for p, us in
                          sorted(per.items(), key=lambda x: -x[1])
                          if us >= own / 200)
        self.line(f"    CPU us a {row.per}, {name}: {number(own)}: {parts}; "
                  f"kernel threads {number(kernel)}; load {number(load)} "
                  f"({100 * load / (own + kernel + load):.0f} %); "
                  f"machine {number(whole)}")
        self.record(fs=fs.name, row=row.name, system=name, cpu_us=per,
                    kernel_us=kernel, load_us=load, machine_us=whole)

    def calls(self, fs, row, name, calls):
        if not calls:
            return
        total = sum(sum(c.values()) for c in calls.values())
        self.line(f"    {name}: {number(total)} system calls a message")
        for program, by_call in sorted(calls.items(),
                                       key=lambda x: -sum(x[1].values())):
            top = sorted(by_call.items(), key=lambda x: -x[1])[:8]
            self.line(f"      {program:16} {sum(by_call.values()):8.1f}  " +
                      ", ".join(f"{c} {number(n)}" for c, n in top))
        self.record(fs=fs.name, row=row.name, system=name, calls=calls)

    def summary(self):
        met = sum(1 for _, ok in self.bars if ok)
        self.line(f"bars met: {met} of {len(self.bars)} compared")
        for where, ok in self.bars:
            if not ok:
                self.line(f"  not met: {where}")
        if self.json:
            self.json.close()
