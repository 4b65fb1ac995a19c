;; Never returns.
(func $misbehave (param $exchange i32) (result i32)
    (loop $forever (br $forever))
    unreachable)
