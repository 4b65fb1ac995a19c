;; Leaves the same attribute for later steps without end.
(data (i32.const 1024) "attribute")
(func $misbehave (param $exchange i32) (result i32)
    (loop $forever
        (call $set_attribute
            (local.get $exchange) (i32.const 1024) (i32.const 9) (i32.const 2048) (i32.const 1000))
        (br $forever))
    unreachable)
