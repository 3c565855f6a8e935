"""The scenarios: what carillon-loadgen is told, and which of its figures count."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A row of the table."""
    title: str
    key: str  # of figures()
    digits: int = 0
    scale: float = 1.0
    less_is_better: bool = False


@dataclass(frozen=True)
class Scenario:
    key: str
    title: str
    command: tuple
    rows: tuple
    publishes: bool = True
    subscribes: bool = True

    def arguments(self, server, seconds):
        """For carillon-loadgen. Without publishing a short look is enough."""
        ways = server.subscribing() if self.subscribes else []
        if self.publishes:
            ways = without_repeated(ways, server.publishing())
        return [*self.command, *ways, "--duration", f"{seconds}s" if self.publishes else "500ms"]


def without_repeated(first, second):
    """Both lists of options, each flag that takes one value once."""
    once = ("--url", "--subprotocol", "--binary")
    result = list(first)
    values = iter(second)
    for option in values:
        pair = [option] if option == "--binary" else [option, next(values)]
        if not (option in once and option in result):
            result += pair
    return result


PER_CPU = Figure("deliveries per server CPU-second, K", "deliveries_per_cpu_s", scale=1e-3)
DELIVERED = Figure("deliveries per second, K", "delivered_per_s", scale=1e-3)
P50 = Figure("latency of delivery p50, ms", "delivery_p50_ms", digits=1, less_is_better=True)
P99 = Figure("latency of delivery p99, ms", "delivery_p99_ms", digits=1, less_is_better=True)

ALL = (
    Scenario("T1", "hot user: 1,000 subscribers, 16 publishers, closed loop",
             ("fanout", "--receivers", 1000, "--connections", 16), (PER_CPU, DELIVERED, P99)),
    Scenario("T2", "hot user: 1,000 subscribers, one event in flight",
             ("fanout", "--receivers", 1000, "--connections", 1, "--lockstep"), (PER_CPU, P50)),
    Scenario("T3", "5,000 subscribers, 20 events a second",
             ("fanout", "--receivers", 5000, "--connections", 4, "--rate", 20), (P50, P99)),
    Scenario("T4", "2,000 users with one subscriber, 64 publishers, closed loop",
             ("fanout", "--users", 2000, "--receivers", 1, "--connections", 64),
             (DELIVERED, PER_CPU, P99)),
    Scenario("T5", "publish only, 64 connections, closed loop",
             ("ingest", "--users", 1000, "--connections", 64),
             (Figure("answers per second, K", "published_per_s", scale=1e-3, digits=1),
              Figure("answers per server CPU-second, K", "publishes_per_cpu_s", scale=1e-3,
                     digits=1),
              Figure("latency of answers p99, ms", "answer_p99_ms", digits=1,
                     less_is_better=True)), subscribes=False),
    Scenario("T6", "10,000 idle subscribers",
             ("idle", "--receivers", 10000),
             (Figure("memory per connection, bytes", "bytes_per_connection",
                     less_is_better=True),), publishes=False),
)


def figures(result):
    """What counts of a result of carillon-loadgen, flat."""
    latency = result["latency_ms"]
    server = result["server"]
    return {
        "published_per_s": result["published"]["per_s"],
        "delivered_per_s": result["deliveries"]["per_s"],
        "delivery_p50_ms": latency.get("delivery", {}).get("p50"),
        "delivery_p99_ms": latency.get("delivery", {}).get("p99"),
        "answer_p99_ms": latency.get("answer", {}).get("p99"),
        "deliveries_per_cpu_s": server["deliveries_per_cpu_s"],
        "publishes_per_cpu_s": server["publishes_per_cpu_s"],
        "bytes_per_connection": server["bytes_per_connection"],
        "server_cpu": server["cpu_share"],
        "loadgen_cpu": result["loadgen"]["cpu_share"],
        "bottleneck": result["loadgen"]["bottleneck"],
        "expected": result["deliveries"]["expected"],
        "lost": result["check"]["unexplained_gaps"] + result["check"]["told_gaps"],
        "wrong": result["check"]["duplicates"] + result["check"]["out_of_order"],
        "refused": result["published"]["refused"],
        "connections_lost": result["connections"]["lost"],
    }
