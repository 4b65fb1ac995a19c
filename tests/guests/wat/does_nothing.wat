;; Loses the message.
(func $misbehave (param $exchange i32) (result i32)
    (call $drop_exchange (local.get $exchange))
    (call $ok))
