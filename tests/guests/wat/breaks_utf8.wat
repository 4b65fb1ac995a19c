;; Rejects the message for a reason that is not text, and that must reach no log.
(data (i32.const 2048) "PROBABETEG\ff")
(func $misbehave (param $exchange i32) (result i32)
    (call $drop_exchange (local.get $exchange))
    (i32.store8 (i32.const 1024) (i32.const 1))
    (i32.store (i32.const 1048) (i32.const 2048))
    (i32.store (i32.const 1052) (i32.const 11))
    (i32.const 1024))
