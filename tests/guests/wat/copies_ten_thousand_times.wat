;; Makes ten thousand copies of the message, changes each where it is largest, and keeps them all.
(data (i32.const 1024) "OBX-8")
(data (i32.const 1032) "H")
(func $misbehave (param $exchange i32) (result i32)
    (local $message i32)
    (local $copies i32)
    (local.set $message (call $message (local.get $exchange)))
    (loop $more
        (call $set
            (call $copy (local.get $message))
            (i32.const 1024) (i32.const 5) (i32.const 1032) (i32.const 1) (i32.const 64))
        (local.set $copies (i32.add (local.get $copies) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $copies) (i32.const 10000))))
    (call $forward (local.get $exchange) (local.get $message) (i32.const 0) (i32.const 0))
    (call $drop_exchange (local.get $exchange))
    (call $ok))
