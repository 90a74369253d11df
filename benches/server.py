"""The server's measures: what a job costs beyond the plain command, how workers share, how it answers under load.

    python3 benches/server.py [--binary target/release/synchresis] [--clip CLIP] [--database postgres://…] [--only overhead]

Everything is compared within this run. Without --database a PostgreSQL of its own is started, if one is installed; nothing but
ffmpeg, PostgreSQL and Python's standard library is needed.
"""

import argparse, asyncio, concurrent.futures, glob, http.client, json, multiprocessing, os, shutil, socket, statistics, subprocess
import sys, tempfile, threading, time, uuid

ARGS = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ARGS.add_argument("--binary", default="target/release/synchresis")
ARGS.add_argument("--clip", default="target/media/bikes.mp4")
ARGS.add_argument("--database")
ARGS.add_argument("--only", choices=["overhead", "workers", "load"])
ARGS.add_argument("--pairs", type=int, default=15)
ARGS.add_argument("--many", type=int, default=40, help="jobs of the workers' measure")
ARGS.add_argument("--calls", type=int, default=1000, help="of the load's measure")
ARGS.add_argument("--rounds", type=int, default=3, help="of the workers' measure")


def spent(*roots):
    """Processor seconds of processes and of all that they started, ended or not (Linux; elsewhere nothing is known)."""
    tick = os.sysconf("SC_CLK_TCK")
    table = {}
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(stat) as file:
                pid, rest = file.read().split(" ", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = rest.rsplit(")", 1)[1].split()
        table[int(pid)] = (int(fields[1]), sum(map(int, fields[11:15])) / tick)
    below = {}
    for pid, (parent, _) in table.items():
        below.setdefault(parent, []).append(pid)
    total, waiting = 0.0, [pid for pid in roots if pid in table]
    while waiting:
        pid = waiting.pop()
        total += table[pid][1]
        waiting += below.get(pid, [])
    return total


class Server:
    """A process that is ended with its block."""

    def __init__(self, binary, folder, *args, command="serve"):
        env = dict(os.environ, HOME=folder, XDG_CACHE_HOME=f"{folder}/cache", SYNCHRESIS_SOUNDBANK="none", SYNCHRESIS_DATA_DIR=f"{folder}/data")
        port = ["--port", "0", "--limit-rate", "100000", "--limit-jobs", "1000"] if command == "serve" else []
        self.process = subprocess.Popen([binary, command, *port, *args], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline().strip()
        self.address = line.removeprefix("http://")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def call(self, method, path, body=None, kind="application/json"):
        link = http.client.HTTPConnection(self.address, timeout=120)
        link.request(method, path, body, {"Content-Type": kind})
        answer = link.getresponse()
        data = answer.read()
        assert answer.status < 300, (answer.status, data)
        return json.loads(data) if data else None

    def upload(self, clip, **options):
        boundary = uuid.uuid4().hex
        parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in options.items()]
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="clip.mp4"\r\n\r\n'.encode())
        body = b"".join(parts) + clip + f"\r\n--{boundary}--\r\n".encode()
        return self.call("POST", "/api/v1/jobs", body, f"multipart/form-data; boundary={boundary}")

    def follow(self, job):
        """Returns the moment the last event came, and what it said."""
        host, port = self.address.split(":")
        with socket.create_connection((host, int(port))) as link:
            link.sendall(f"GET /api/v1/jobs/{job}/events HTTP/1.1\r\nHost: {self.address}\r\nConnection: close\r\n\r\n".encode())
            last = None
            for line in link.makefile("rb"):
                if line.startswith(b"data: "):
                    last = json.loads(line[6:])
                    if last["status"] not in ("queued", "running"):
                        return time.perf_counter(), last
        return time.perf_counter(), last


def overhead(args, folder):
    clip = open(args.clip, "rb").read()
    env = dict(os.environ, HOME=folder, SYNCHRESIS_SOUNDBANK="none")
    alone, jobs, recorded = [], [], []
    with Server(args.binary, folder, "--cache-dir", f"{folder}/cache-a") as server:
        first = server.upload(clip, deliver="none")
        server.follow(first["id"])
        shutil.copy(args.clip, f"{folder}/clip.mp4")
        command = lambda seed: [args.binary, "score", f"{folder}/clip.mp4", "-o", f"{folder}/out.mp4", "--document", f"{folder}/{seed}.json", "--midi",
                                f"{folder}/out.mid", "--cue-sheet", f"{folder}/out.html", "--seed", str(seed), "--cache-dir", f"{folder}/cache-b", "--force", "--quiet"]
        subprocess.run(command(0), env=env, check=True, stdout=subprocess.DEVNULL)
        for seed in range(1, args.pairs + 1):
            began = time.perf_counter()
            subprocess.run(command(seed), env=env, check=True, stdout=subprocess.DEVNULL)
            alone.append(time.perf_counter() - began)
            began = time.perf_counter()
            job = server.upload(clip, seed=seed, deliver="midi,cue-sheet")
            ended, view = server.follow(job["id"])
            assert view["status"] == "done", view
            jobs.append(ended - began)
            recorded.append((view["finished"] - view["created"]) / 1000)
    each = sorted(b - a for a, b in zip(alone, jobs))
    inner = sorted(b - a for a, b in zip(alone, recorded))
    print(f"a job beyond the plain command ({args.pairs} pairs of new seeds, the clip seen before):")
    print(f"  command {statistics.median(alone) * 1e3:.0f} ms, job {statistics.median(jobs) * 1e3:.0f} ms from the first byte sent to the last event read")
    print(f"  difference of pairs: median {statistics.median(each) * 1e3:.0f} ms; from the record alone (made to ended) {statistics.median(inner) * 1e3:.0f} ms; aim 50 ms")


def postgres(folder):
    """Starts a PostgreSQL; returns its address and what ends it."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin")) or [os.path.dirname(shutil.which("initdb") or "")]
    if not found[-1]:
        return None, None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = tempfile.mkdtemp(prefix="bench-postgres-")
    be = []
    if os.getuid() == 0:
        be = ["runuser", "-u", "postgres", "--"]
        shutil.chown(data, "postgres")
    run = lambda program, *rest: subprocess.run([*be, f"{found[-1]}/{program}", *rest], check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    run("initdb", "-D", f"{data}/db", "-A", "trust", "-U", "postgres")
    run("pg_ctl", "-D", f"{data}/db", "-w", "-l", f"{data}/log", "-o", f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''", "start")
    with open(f"{data}/db/postmaster.pid") as file:
        master = int(file.readline())
    end = lambda: (run("pg_ctl", "-D", f"{data}/db", "-m", "fast", "stop"), shutil.rmtree(data, ignore_errors=True))
    end.pid = master
    return f"postgres://postgres@127.0.0.1:{port}/postgres", end


def workers(args, folder):
    url, end = (args.database, None) if args.database else postgres(folder)
    if not url:
        print("workers: PostgreSQL is not installed, nothing measured")
        return
    clip, many = open(args.clip, "rb").read(), args.many
    seed = [1000]

    def batch(server, many):
        ids = []
        began = time.perf_counter()
        for _ in range(many):
            seed[0] += 1
            ids.append(server.upload(clip, seed=seed[0], deliver="none")["id"])
        with concurrent.futures.ThreadPoolExecutor(many) as pool:
            ends = list(pool.map(server.follow, ids))
        assert all(view["status"] == "done" and view["attempts"] == 1 for _, view in ends)
        views = [view for _, view in ends]
        # From the first job's begin to the last one's end as the record has them, and how much of it each worker's place stood empty.
        span = (max(v["finished"] for v in views) - min(v["started"] for v in views)) / 1000
        busy = sum(v["finished"] - v["started"] for v in views) / 1000
        return max(moment for moment, _ in ends) - began, span, busy

    def plain(side_by_side, many=many):
        env = dict(os.environ, HOME=folder, SYNCHRESIS_SOUNDBANK="none")
        def one(number):
            subprocess.run([args.binary, "score", f"{folder}/clip.mp4", "-o", f"{folder}/plain-{number}.mp4", "--seed", str(number), "--cache-dir", f"{folder}/cache-w",
                            "--threads", "1", "--force", "--quiet"], env=env, check=True, stdout=subprocess.DEVNULL)
        shutil.copy(args.clip, f"{folder}/clip.mp4")
        numbers = [seed[0] + 10_000 + n for n in range(many)]
        seed[0] += 100
        before, began = os.times(), time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(side_by_side) as pool:
            list(pool.map(one, numbers))
        took, after = time.perf_counter() - began, os.times()
        return took, after.children_user + after.children_system - before.children_user - before.children_system

    try:
        share = ["--database", url]
        with Server(args.binary, folder, *share, "--jobs", "0") as server:
            def with_workers(count, many=many):
                staff = [Server(args.binary, folder, *share, "--threads", "1", command="worker") for _ in range(count)]
                try:
                    pids = [worker.process.pid for worker in staff]
                    measure = lambda: [spent(*pids), spent(server.process.pid), spent(end.pid) if end else 0.0]
                    before = measure()
                    took, span, busy = batch(server, many)
                    parts = [b - a for a, b in zip(before, measure())]
                finally:
                    for worker in staff:
                        worker.__exit__()
                return took, parts, 1 - busy / (span * count)
            # The clip is seen once by either before anything is timed.
            with_workers(1, 1)
            plain(1, 1)
            runs = [(with_workers(1), with_workers(4), plain(1), plain(4)) for _ in range(args.rounds)]
        median = lambda column: statistics.median(run[column][0] for run in runs)
        one, four, alone, beside = map(median, range(4))
        print(f"{many} short jobs on PostgreSQL, medians of {args.rounds} rounds: one worker {one:.1f} s, four workers {four:.1f} s: {one / four:.2f} times as fast")
        print(f"  the same as plain commands: one after the other {alone:.1f} s, four at once {beside:.1f} s: {alone / beside:.2f} times, what {os.cpu_count()} cores allow")
        print(f"  share of what is allowed: {one / four / (alone / beside):.2f}; aim 0.9")
        for name, column in (("one worker", 0), ("four workers", 1)):
            parts = [statistics.median(run[column][1][n] for run in runs) / many * 1e3 for n in range(3)]
            empty = statistics.median(run[column][2] for run in runs)
            print(f"  processor time a job, {name}: workers {parts[0]:.0f} ms, server {parts[1]:.0f} ms, PostgreSQL {parts[2]:.0f} ms; places stood empty {empty:.0%} of the time")
        for name, column in (("one after the other", 2), ("four at once", 3)):
            print(f"  processor time of a plain command, {name}: {statistics.median(run[column][1] for run in runs) / many * 1e3:.0f} ms")
    finally:
        if end:
            end()


def hold(address, jobs, ready, stop):
    """Keeps event streams open."""

    async def one(job):
        host, port = address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET /api/v1/jobs/{job}/events HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        while await reader.read(65536):
            pass

    async def every():
        streams = [asyncio.create_task(one(job)) for job in jobs]
        await asyncio.sleep(1)
        ready.set()
        while not stop.is_set():
            await asyncio.sleep(0.1)
        for stream in streams:
            stream.cancel()

    asyncio.run(every())


def load(args, folder):
    clip = open(args.clip, "rb").read()
    # Uploads of 20 MB: a film's first bytes, then what no other upload of a round has.
    bodies = [clip + os.urandom(20_000_000 - len(clip)) for _ in range(20)]
    os.makedirs(f"{folder}/idle")
    with Server(args.binary, folder, "--jobs", "0") as server, Server(args.binary, f"{folder}/idle", "--jobs", "0") as idle:
        ids = [server.upload(clip, seed=n, deliver="none")["id"] for n in range(200)]
        ready, stop = multiprocessing.Event(), multiprocessing.Event()
        holder = multiprocessing.Process(target=hold, args=(server.address, ids, ready, stop))
        holder.start()
        ready.wait(20)
        links = [http.client.HTTPConnection(server.address), http.client.HTTPConnection(idle.address)]

        def ask(link, path):
            began = time.perf_counter()
            link.request("GET", path)
            link.getresponse().read()
            return time.perf_counter() - began

        def calls(times):
            """Status calls, and in turn with them the shortest answer of a server that nobody else asks: what the machine lets through."""
            for n in range(times):
                yield ask(links[0], f"/api/v1/jobs/{ids[n % 200]}"), ask(links[1], "/healthz")

        quiet = list(calls(500))
        before, taken, rounds = spent(server.process.pid), [], 0
        while len(taken) < args.calls and rounds < 60:
            rounds += 1
            uploads = [multiprocessing.Process(target=server.upload, args=(body,), kwargs={"deliver": "none"}) for body in bodies]
            for upload in uploads:
                upload.start()
            while any(upload.is_alive() for upload in uploads):
                taken += calls(10)
        upload_s = (spent(server.process.pid) - before) / (rounds * 0.4)
        stop.set()
        holder.join()

    def at(values, which, share):
        column = sorted(value[which] for value in values)
        return column[min(len(column) - 1, int(len(column) * share))] * 1e3

    print(f"a status call with 200 event streams open: median {at(quiet, 0, 0.5):.1f} ms, p99 {at(quiet, 0, 0.99):.1f} ms")
    print(f"  and 20 uploads of 20 MB at once, {rounds} times ({len(taken)} calls): median {at(taken, 0, 0.5):.1f} ms, p99 {at(taken, 0, 0.99):.1f} ms; aim 50 ms")
    print(f"  at the same moments the shortest answer of an idle server: median {at(taken, 1, 0.5):.1f} ms, p99 {at(taken, 1, 0.99):.1f} ms")
    print(f"  processor time of the server a gigabyte taken in: {upload_s:.2f} s, answers and event streams included")


if __name__ == "__main__":
    args = ARGS.parse_args()
    args.binary, args.clip = os.path.abspath(args.binary), os.path.abspath(args.clip)
    print(f"load of the machine at the start: {os.getloadavg()[0]:.1f}")
    for name, measure in (("overhead", overhead), ("workers", workers), ("load", load)):
        if args.only in (None, name):
            with tempfile.TemporaryDirectory(prefix="bench-server-") as folder:
                measure(args, folder)
                sys.stdout.flush()
