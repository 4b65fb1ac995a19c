;; Reads beyond its memory.
(func $misbehave (param $exchange i32) (result i32)
    (i32.load (i32.const -8)))
