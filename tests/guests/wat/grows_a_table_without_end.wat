;; Takes room for functions, a thousand at a time.
(table $table 1 funcref)
(func $misbehave (param $exchange i32) (result i32)
    (loop $forever
        (drop (table.grow $table (ref.null func) (i32.const 1000)))
        (br $forever))
    unreachable)
