;; Logs five thousand lines and then does its work.
(data (i32.const 1024) "nothing of interest")
(func $misbehave (param $exchange i32) (result i32)
    (local $lines i32)
    (loop $more
        (call $log (i32.const 1) (i32.const 1024) (i32.const 19))
        (local.set $lines (i32.add (local.get $lines) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $lines) (i32.const 5000))))
    (call $forward_input (local.get $exchange))
    (call $drop_exchange (local.get $exchange))
    (call $ok))
