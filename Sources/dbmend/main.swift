import MendKit
