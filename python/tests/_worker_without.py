"""A worker, or a zygote, with some of its layers switched off: _worker_without.py LAYER,LAYER

What a zygote forks is without them as well.
"""

if __name__ == "__main__":
    import sys
    from os.path import abspath, dirname

    here = dirname(abspath(__file__))
    sys.path[:0] = [dirname(here), here]
    from _layers import switch_off

    from terrarium._worker import main

    switch_off([layer for layer in sys.argv[1].split(",") if layer])
    main()
