;; Takes memory page by page, and does not look whether it got any.
(func $misbehave (param $exchange i32) (result i32)
    (loop $forever
        (drop (memory.grow (i32.const 1)))
        (br $forever))
    unreachable)
