"""What a day of 10,000 jobs costs with so many workers: a simulation, second by second of what the queue does.

    python3 benches/scale.py [--jobs 10000] [--price 0.08] [--seed 1]

Films last as people's do (lognormal, median 60 s), arrive as a day has it (three times as many at its busiest hour as on
average), and take what docs/performance.md measured: 0.3 s and 0.21 s a second of film on two cores. One worker in 200 dies at
its job (a machine that is taken away): the lease passes, then another does it again. `price` is that of a worker for an hour.
"""

import argparse, heapq, math, random

ARGS = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ARGS.add_argument("--jobs", type=int, default=10_000)
ARGS.add_argument("--price", type=float, default=0.08)
ARGS.add_argument("--seed", type=int, default=1)

DAY, LEASE, START, DEATH, PEAK = 86_400.0, 30.0, 60.0, 1 / 200, 3.0


def arrivals(count, numbers):
    """Moments of a day with one busy time, by thinning."""
    moments = []
    while len(moments) < count:
        moment = numbers.uniform(0, DAY)
        if numbers.random() * PEAK < 1 + (PEAK - 1) * math.cos(2 * math.pi * (moment / DAY - 0.6)) ** 15 * (math.cos(2 * math.pi * (moment / DAY - 0.6)) > 0):
            moments.append(moment)
    return sorted(moments)


def day(count, seed, workers=None, most=None):
    """Waits of all jobs, hours of workers paid, and the busy share of them; `workers` fixed, or up to `most` as the queue asks."""
    numbers = random.Random(seed)
    jobs = [(moment, 0.3 + 0.21 * min(3600, numbers.lognormvariate(math.log(60), 1.0))) for moment in arrivals(count, numbers)]
    events = [(moment, 0, number) for number, (moment, _) in enumerate(jobs)]
    heapq.heapify(events)
    queue, waits, began = [], [], {}
    free, alive, coming = (workers or 1), (workers or 1), 0
    paid = busy = last = 0.0
    if not workers:
        heapq.heappush(events, (15.0, 2, 0))
    while events:
        now, what, number = heapq.heappop(events)
        paid += (now - last) * (alive + coming)
        last = now
        if what == 0:
            queue.append(number)
        elif what == 1:
            free += 1
        elif what == 3:
            alive, free, coming = alive + 1, free + 1, coming - 1
        elif what == 2 and (now < DAY or queue or free < alive):
            # As an autoscaler on the queue's length does: one worker for every two jobs that wait; back down when idle.
            wish = min(most, max(1, alive - free + math.ceil(len(queue) / 2)))
            for _ in range(wish - alive - coming):
                coming += 1
                heapq.heappush(events, (now + START, 3, 0))
            if not queue and wish < alive - 1 and free > 0:
                leave = min(free, max(1, (alive - wish) // 4))
                alive, free = alive - leave, free - leave
            heapq.heappush(events, (now + 15.0, 2, 0))
        while queue and free:
            job = queue.pop(0)
            moment, length = jobs[job]
            free -= 1
            if numbers.random() < DEATH:
                lost = numbers.uniform(0, length)
                busy += lost
                heapq.heappush(events, (now + lost + LEASE, 0, job))
                heapq.heappush(events, (now + lost + START, 1, job))
                continue
            busy += length
            if job not in began:
                began[job] = now - moment
                waits.append(now - moment)
            heapq.heappush(events, (now + length + 0.02, 1, job))
    waits.sort()
    return waits, paid / 3600, busy / 3600 / (paid / 3600), last / 3600


def main():
    args = ARGS.parse_args()
    print(f"{args.jobs} jobs in a day, a worker at {args.price:.2f} an hour\n")
    print("| workers | waits: half / 95 of 100 | worker-hours | busy | cost of the day | of a thousand films | done after |")
    print("|---|---|---|---|---|---|---|")
    say = lambda seconds: f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
    for name, keys in [(str(n), {"workers": n}) for n in (1, 2, 3, 4, 5, 6, 8, 12, 16, 32, 64, 100)] + [(f"1 to {n}, as asked", {"most": n}) for n in (8, 16, 100)]:
        waits, hours, busy, end = day(args.jobs, args.seed, **keys)
        at = lambda share: waits[min(len(waits) - 1, int(len(waits) * share))]
        cost = hours * args.price
        print(f"| {name} | {say(at(0.5))} / {say(at(0.95))} | {hours:.0f} | {busy * 100:.0f} % | {cost:.2f} | {cost / args.jobs * 1000:.2f} | {end:.1f} h |")


if __name__ == "__main__":
    main()
