;; Sends the message where nobody granted it to.
(data (i32.const 1024) "ehr")
(func $misbehave (param $exchange i32) (result i32)
    (i32.store (i32.const 2048) (i32.const 1024))
    (i32.store (i32.const 2052) (i32.const 3))
    (call $forward (local.get $exchange) (call $message (local.get $exchange)) (i32.const 2048) (i32.const 1))
    unreachable)
