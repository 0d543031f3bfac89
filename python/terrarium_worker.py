"""The script that a worker's interpreter runs. Nothing may happen without the guard:
`multiprocessing` imports the main module again in every child that it spawns.
"""

if __name__ == "__main__":
    import sys
    from os.path import abspath, dirname

    here = dirname(abspath(__file__))
    if here not in sys.path:  # -I and -P leave it out
        sys.path.insert(0, here)

    from terrarium._worker import main

    main()
