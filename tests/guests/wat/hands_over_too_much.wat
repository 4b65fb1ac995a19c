;; Hands the host nine megabytes in one call.
(func $misbehave (param $exchange i32) (result i32)
    (drop (memory.grow (i32.const 160)))
    (call $log (i32.const 1) (i32.const 65536) (i32.const 9437184))
    unreachable)
