;; Takes sixteen megabytes for each message and gives none back.
(func $misbehave (param $exchange i32) (result i32)
    (drop (memory.grow (i32.const 256)))
    (call $forward_input (local.get $exchange))
    (call $drop_exchange (local.get $exchange))
    (call $ok))
