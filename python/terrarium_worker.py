"""The script that a worker's interpreter runs. Nothing may happen without the guard:
`multiprocessing` imports the main module again in every child that it spawns.
"""

if __name__ == "__main__":
    import gc
    import sys
    from os import __file__ as library
    from os.path import abspath, dirname

    here = dirname(abspath(__file__))
    if here not in sys.path:  # -I and -P leave it out
        sys.path.insert(0, here)
    # PYTHONPATH comes before the standard library, and may have files of such names: not for us.
    path, library = sys.path, dirname(library)
    sys.path = [here, *(p for p in path if p in (library, library + "/lib-dynload")), *path]

    # PYTHONDONTWRITEBYTECODE, which containers like to set, speaks of the user's modules. Ours lie
    # in a folder of ours; without their byte code each worker would compile them again.
    unwanted, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    collects = gc.isenabled()
    gc.disable()
    from terrarium._worker import main

    sys.path = path
    # Nothing that is imported is garbage: it is not looked for while a pool waits, nor later.
    gc.freeze()
    if collects:
        gc.enable()
    if unwanted:
        from terrarium._bytecode import keep_the_rest

        keep_the_rest()
        sys.dont_write_bytecode = True

    main()
