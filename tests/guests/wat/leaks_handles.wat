;; Copies the message without end and drops no copy.
(func $misbehave (param $exchange i32) (result i32)
    (local $message i32)
    (local.set $message (call $message (local.get $exchange)))
    (loop $forever
        (drop (call $copy (local.get $message)))
        (br $forever))
    unreachable)
