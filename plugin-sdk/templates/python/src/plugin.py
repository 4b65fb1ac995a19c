"""Drops the patient's address, and names the receiver."""

from __future__ import annotations

from dataclasses import dataclass

from transfuse import Code, Exchange, Reject, transform


@dataclass(frozen=True)
class Config:
    """What a site may set: `config = { application = "EHR" }` in a step. An unknown key is refused."""

    application: str | None = None
    """The receiving application, MSH-5. Left as it came where not set."""


@transform
def drop_address(exchange: Exchange, config: Config) -> None:
    """Drops the patient's address before the message leaves the hospital."""
    message = exchange.message()
    if message.count("PID") == 0:
        raise Reject(Code.REQUIRED_FIELD_MISSING, "a message without a patient", at="PID")
    message.clear("PID-11")
    if config.application is not None:
        message.set("MSH-5", config.application)
    exchange.forward(message)
