;; Moves megabytes with one instruction, over and over.
(func $misbehave (param $exchange i32) (result i32)
    (drop (memory.grow (i32.const 512)))
    (loop $forever
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 33554432))
        (br $forever))
    unreachable)
