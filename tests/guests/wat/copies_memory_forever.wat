;; Moves half of its memory to the other half, over and over.
(func $misbehave (param $exchange i32) (result i32)
    (drop (memory.grow (i32.const 512)))
    (loop $forever
        (memory.copy (i32.const 0) (i32.const 16777216) (i32.const 16777216))
        (br $forever))
    unreachable)
