;; Puts a megabyte of text into a field and forwards it again and again.
(data (i32.const 1024) "PID-5")
(func $misbehave (param $exchange i32) (result i32)
    (local $message i32)
    (local.set $message (call $message (local.get $exchange)))
    (drop (memory.grow (i32.const 20)))
    (memory.fill (i32.const 131072) (i32.const 120) (i32.const 1048576))
    (call $set
        (local.get $message) (i32.const 1024) (i32.const 5) (i32.const 131072) (i32.const 1048576) (i32.const 64))
    (loop $forever
        (call $forward (local.get $exchange) (local.get $message) (i32.const 0) (i32.const 0))
        (br $forever))
    unreachable)
