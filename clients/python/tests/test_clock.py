"""The comparison of clocks."""

import random
import time
import unittest

from harness import fake

from frameport import Client, FrameportError
from frameport._proto.v1 import worker_service_pb2, worker_service_pb2_grpc
from frameport.clock import Probe, estimate


class Estimate(unittest.TestCase):
    def test_the_fastest_probe_counts(self):
        # Worker 1 s ahead; ways of 10 and 30 ms, then of 2 and 1 ms, then slow ones.
        probes = [
            Probe(0, 1_010_000_000, 1_020_000_000, 50_000_000),
            Probe(100_000_000, 1_102_000_000, 1_107_000_000, 108_000_000),
            Probe(200_000_000, 1_290_000_000, 1_290_000_000, 380_000_000),
        ]
        clock = estimate(probes)
        self.assertAlmostEqual(clock.round_trip, 0.003)
        self.assertAlmostEqual(clock.error, 0.0015)
        self.assertAlmostEqual(clock.offset, 1.0005)
        self.assertLessEqual(abs(clock.offset - 1), clock.error)

    def test_the_bound_holds_however_lopsided_the_way_is(self):
        rng = random.Random(4)
        for _ in range(1000):
            offset = rng.randrange(-(10**12), 10**12)
            probes = []
            for _ in range(rng.randrange(1, 6)):
                sent, there, inside, back = (rng.randrange(0, 10**9) for _ in range(4))
                arrived = sent + there + offset
                probes.append(Probe(sent, arrived, arrived + inside, sent + there + inside + back))
            clock = estimate(probes)
            self.assertLessEqual(abs(clock.offset - offset / 1e9), clock.error + 1e-9)

    def test_a_clock_that_was_set_meanwhile(self):
        stepped = Probe(0, 0, 50, 10)
        with self.assertRaisesRegex(FrameportError, "try again"):
            estimate([stepped])
        self.assertEqual(estimate([stepped, Probe(0, 5, 5, 10)]).round_trip, 1e-8)

    def test_both_directions(self):
        clock = estimate([Probe(0, 2_000_000_000, 2_000_000_000, 0)])
        self.assertEqual((clock.to_worker(10.0), clock.to_client(10.0)), (12.0, 8.0))


class Measured(unittest.TestCase):
    def test_against_a_worker_whose_clock_is_known(self):
        offset = -12_345_678_901

        class Worker(worker_service_pb2_grpc.WorkerServiceServicer):
            calls = 0

            def GetClock(self, request, context):
                Worker.calls += 1
                answer = worker_service_pb2.GetClockResponse()
                answer.worker_receive_time.FromNanoseconds(time.time_ns() + offset)
                answer.worker_send_time.FromNanoseconds(time.time_ns() + offset)
                return answer

        with fake(worker_service_pb2_grpc.add_WorkerServiceServicer_to_server, Worker()) as address:
            with Client(address) as client:
                clock = client.clock(probes=5)
        self.assertEqual(Worker.calls, 5)
        self.assertLessEqual(abs(clock.offset - offset / 1e9), clock.error + 1e-4)  # 1e-4: of setting this clock
        self.assertEqual(clock.error, clock.round_trip / 2)


if __name__ == "__main__":
    unittest.main()
