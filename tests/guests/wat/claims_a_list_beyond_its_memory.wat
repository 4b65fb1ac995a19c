;; Names a quarter of a billion destinations that are not there.
(func $misbehave (param $exchange i32) (result i32)
    (local $message i32)
    (local.set $message (call $message (local.get $exchange)))
    (call $forward (local.get $exchange) (local.get $message) (i32.const 1024) (i32.const 268435456))
    unreachable)
