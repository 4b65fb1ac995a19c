"""What `@transform` takes, and what moments are: without a component."""

from __future__ import annotations

import unittest
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from transfuse import Exchange, Message, Moment, Precision, config, plugin, transform


@dataclass
class Config:
    facility: str = "X"


class Functions(unittest.TestCase):
    def setUp(self) -> None:
        plugin._registered.clear()

    def test_a_function_stays_as_it_is_and_is_registered(self) -> None:
        calls = []

        @transform
        def mine(exchange: Exchange, settings: Config) -> None:
            calls.append((exchange, settings.facility))

        mine("exchange", Config("Y"))  # type: ignore[arg-type]
        plugin.registered().prepare({"facility": "Z"})("other")  # type: ignore[arg-type]
        self.assertEqual(calls, [("exchange", "Y"), ("other", "Z")])

    def test_a_plugin_that_takes_no_configuration_refuses_one(self) -> None:
        transform(lambda exchange: None)
        plugin.registered().prepare({})
        with self.assertRaisesRegex(config.ConfigError, "takes no configuration"):
            plugin.registered().prepare({"facility": "X"})

    def test_a_second_function_and_other_shapes_are_refused(self) -> None:
        with self.assertRaisesRegex(TypeError, "put @transform on its function"):
            plugin.registered()
        for wrong in (lambda: None, lambda a, b, c: None, lambda *all: None, "text", Exchange):
            with self.assertRaisesRegex(TypeError, "looks like one of these"):
                transform(wrong)  # type: ignore[type-var]

        async def later(exchange: Exchange) -> None:
            del exchange

        with self.assertRaisesRegex(TypeError, "neither async"):
            transform(later)  # type: ignore[type-var]
        transform(lambda exchange: None)
        with self.assertRaisesRegex(TypeError, "one function"):
            transform(lambda exchange: None)

    def test_outside_a_component_the_host_is_told_to_be_missing(self) -> None:
        with self.assertRaisesRegex(RuntimeError, "transfuse plugin test"):
            Message.parse(b"MSH|")


class Moments(unittest.TestCase):
    def test_a_moment_is_a_time_and_a_time_with_an_offset_a_moment(self) -> None:
        time = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=1)))
        moment = Moment.of(time)
        self.assertEqual(moment, Moment(1_772_362_800_250, Precision.FRACTION))
        self.assertEqual(moment.datetime, time)
        self.assertEqual(Moment.of(time, Precision.DAY).precision, Precision.DAY)
        self.assertEqual(Moment.of(datetime(1969, 12, 31, 23, 59, 59, tzinfo=timezone.utc)).unix_ms, -1000)
        with self.assertRaisesRegex(ValueError, "offset"):
            Moment.of(datetime(2026, 3, 1))

    def test_a_precision_of_a_later_host_is_the_finest(self) -> None:
        self.assertIs(Precision("fraction6"), Precision.FRACTION)


if __name__ == "__main__":
    unittest.main()
