from .identity import main

raise SystemExit(main())
