;; Asks the host the same thing over and over.
(func $misbehave (param $exchange i32) (result i32)
    (loop $forever
        (drop (call $attempt (local.get $exchange)))
        (br $forever))
    unreachable)
