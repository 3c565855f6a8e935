"""One table of medians from what `run` collected, as text and as Markdown."""

import statistics

import scenarios


DISTURBED = 0.05  # more of the cores for others than this spoils a measurement


def runs_of(report, name, key):
    """The rounds that gave figures, and why the others did not."""
    rounds = report["results"][name].get(key, [])
    return [r for r in rounds if isinstance(r, dict)], [r for r in rounds if isinstance(r, str)]


def median(runs, key):
    values = [run[key] for run in runs if run[key] is not None]
    return statistics.median(values) if values else None


def cell(report, name, scenario, figure):
    runs, _ = runs_of(report, name, scenario.key)
    value = median(runs, figure.key)
    return "-" if value is None else f"{value * figure.scale:,.{figure.digits}f}"


def saturated(report, name, scenario):
    """Shares of a core of server and load generator, and which one was at its end."""
    runs, _ = runs_of(report, name, scenario.key)
    if not runs:
        return "-"
    server, client = median(runs, "server_cpu"), median(runs, "loadgen_cpu")
    full = 0.9
    mark = "both" if min(server, client) >= full else "server" if server >= full else \
        "client" if client >= full else "neither"
    return f"{server:.0%} / {client:.0%}, {mark}"


def lost(report, name, scenario):
    runs, _ = runs_of(report, name, scenario.key)
    expected = sum(run["expected"] for run in runs)
    if not expected:
        return "-"
    missing, wrong = (sum(run[key] for run in runs) for key in ("lost", "wrong"))
    return f"{missing / expected:.2%}" + (f", {wrong} wrong" if wrong else "") if missing or wrong else "0"


def rows(report):
    """(scenario's title or "", figure's title, cells) for each line."""
    names = [server["name"] for server in report["servers"]]
    chosen = [s for s in scenarios.ALL if s.key in [each["key"] for each in report["scenarios"]]]
    for scenario in chosen:
        lines = [(figure.title, [cell(report, name, scenario, figure) for name in names])
                 for figure in scenario.rows]
        if scenario.publishes and scenario.subscribes:
            lines.append(("lost", [lost(report, name, scenario) for name in names]))
        if scenario.publishes:
            lines.append(("processor of server / client, at its end",
                          [saturated(report, name, scenario) for name in names]))
        for number, (title, cells) in enumerate(lines):
            yield f"{scenario.key} {scenario.title}" if number == 0 else "", title, cells


def disturbed(report):
    shares = [run["others"] for name in report["results"] for key in report["results"][name]
              for run in runs_of(report, name, key)[0]]
    bad = sum(share > DISTURBED for share in shares)
    if bad:
        yield (f"DISTURBED: in {bad} of {len(shares)} measurements other processes took more than "
               f"{DISTURBED:.0%} of the cores (median {statistics.median(shares):.0%}): only what "
               "is per CPU-second or per connection means something.")


def footnotes(report):
    yield from disturbed(report)
    floors = [f"{each['frames']} of {each['frame_bytes']} bytes: "
              f"{statistics.median(each['frames_per_cpu_s']) / 1e3:,.0f}"
              for each in report["send_floors"]]
    yield ("Floors: bare send() to each of 1,000 sockets, K frames per CPU-second by frames in one "
           f"send and their size: {'; '.join(floors)}. A peer's frame has 263 bytes, Carillon's 800.")
    yield (f"Rounds: {report['rounds']} of {report['seconds']:g} s, medians; {report['machine']}; "
           f"{report['taken']}.")
    for server in report["servers"]:
        yield f"{server['name']} {server['version']}: {server['note']}."
    for server in report["servers"]:
        for scenario in report["scenarios"]:
            _, failures = runs_of(report, server["name"], scenario["key"])
            if failures:
                yield (f"{server['name']}, {scenario['key']}: {len(failures)} of "
                       f"{report['rounds']} rounds gave no figures: {failures[0]}")


def as_text(report):
    lines = []
    widths = [44, *(max(22, len(server["name"])) for server in report["servers"])]

    def add(first, cells):
        lines.append(first.ljust(widths[0]) +
                     "".join(text.rjust(width) for text, width in zip(cells, widths[1:])))

    add("", [server["name"] for server in report["servers"]])
    for heading, title, cells in rows(report):
        if heading:
            lines += ["", heading]
        add("  " + title, cells)
    return "\n".join([*lines, "", *footnotes(report)])


def as_markdown(report):
    names = [server["name"] for server in report["servers"]]
    lines = ["| scenario | figure | " + " | ".join(names) + " |",
             "| --- | --- |" + " ---: |" * len(names)]
    for heading, title, cells in rows(report):
        lines.append(f"| {heading} | {title} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *(f"- {note}" for note in footnotes(report))]) + "\n"
