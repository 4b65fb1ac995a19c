;; Returns the eighth case of a result, which has two.
(func $misbehave (param $exchange i32) (result i32)
    (call $drop_exchange (local.get $exchange))
    (i32.store8 (i32.const 1024) (i32.const 7))
    (i32.const 1024))
