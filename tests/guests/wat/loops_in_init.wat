;; Never returns from `init`.
(func $init (param i32 i32) (result i32)
    (loop $forever (br $forever))
    unreachable)
(func $misbehave (param $exchange i32) (result i32) (call $ok))
