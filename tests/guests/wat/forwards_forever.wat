;; Makes no end of messages of one.
(func $misbehave (param $exchange i32) (result i32)
    (local $message i32)
    (local.set $message (call $message (local.get $exchange)))
    (loop $forever
        (call $forward (local.get $exchange) (local.get $message) (i32.const 0) (i32.const 0))
        (br $forever))
    unreachable)
