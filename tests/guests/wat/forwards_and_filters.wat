;; Cannot make up its mind.
(func $misbehave (param $exchange i32) (result i32)
    (call $forward_input (local.get $exchange))
    (call $filter (local.get $exchange) (i32.const 1024) (i32.const 0))
    (call $drop_exchange (local.get $exchange))
    (call $ok))
