;; Returns a pointer beyond its memory.
(func $misbehave (param $exchange i32) (result i32)
    (call $drop_exchange (local.get $exchange))
    (i32.const -64))
